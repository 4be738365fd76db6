import { Center, Loader } from "@mantine/core";

/** Shown while the first answer is on its way. */
export function Waiting() {
  return (
    <Center mih="60vh" role="status" aria-label="Loading">
      <Loader />
    </Center>
  );
}
