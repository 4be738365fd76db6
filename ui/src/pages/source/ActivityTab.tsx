// What happened in a source, and the requests behind it.
import { Group, SegmentedControl } from "@mantine/core";
import { useSearchParams } from "react-router";
import { LiveNote } from "../../journal/ChangeList";
import { ChangeLog } from "../../journal/ChangeLog";
import { useOpenRequest } from "../../requests/open-request";
import { RequestDrawer } from "../../requests/RequestDrawer";
import { RequestLog } from "../../requests/RequestLog";
import { useSourceOfPage } from "./SourcePage";

/** What both views filter by; the rest of one would mean nothing in the other. */
const SHARED = ["user", "group", "time", "from", "to"];

export default function ActivityTab() {
  const { source, live } = useSourceOfPage();
  const [params, setParams] = useSearchParams();
  const { pointer, open, close } = useOpenRequest();
  const view = params.get("view") === "requests" ? "requests" : "changes";

  const show = (chosen: string) => {
    const kept = [...params].filter(([name]) => SHARED.includes(name));
    setParams(chosen === "requests" ? [["view", chosen], ...kept] : kept);
  };

  return (
    <>
      <Group justify="space-between" mb="md">
        <SegmentedControl
          aria-label="What to show"
          value={view}
          onChange={show}
          data={[
            { value: "changes", label: "Changes" },
            { value: "requests", label: "Requests" },
          ]}
        />
        <LiveNote live={live} />
      </Group>
      {view === "requests" ? (
        <RequestLog slug={source.slug} onOpen={open} />
      ) : (
        <ChangeLog slug={source.slug} onRequest={open} />
      )}
      <RequestDrawer
        slug={source.slug}
        baseUrl={source.base_url}
        pointer={pointer}
        onClose={close}
      />
    </>
  );
}
