declare module "virtual:providers" {
  const providers: import("./format").ProviderCard[];
  export default providers;
}
