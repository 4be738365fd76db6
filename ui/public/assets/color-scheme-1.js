// Sets the colour scheme before the first paint, so that dark mode never flashes white.
// A file of its own, as the Content-Security-Policy allows no inline script; the number in
// its name changes with its content, as files under /assets are cached for good.
(() => {
  let chosen = "auto";
  try {
    chosen = localStorage.getItem("headwater-color-scheme") ?? "auto";
  } catch {
    // Storage can be forbidden; the system's choice is then the best there is.
  }
  const dark =
    chosen === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
