// One request as it came in and was answered.
import { Drawer } from "@mantine/core";
import { type RequestPointer, useRequest } from "../api/requests";
import { ErrorState } from "../components/ErrorState";
import { Waiting } from "../shell/Waiting";
import { RequestView } from "./RequestView";

export interface RequestDrawerProps {
  slug: string;
  /** Public address of the source; what "Copy as curl" calls. */
  baseUrl: string;
  pointer: RequestPointer | null;
  onClose: () => void;
}

export function RequestDrawer({ slug, baseUrl, pointer, onClose }: RequestDrawerProps) {
  const { data, error, refetch } = useRequest(slug, pointer);
  return (
    <Drawer
      opened={pointer !== null}
      onClose={onClose}
      position="right"
      size="46rem"
      title="Request"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {data ? (
        <RequestView slug={slug} baseUrl={baseUrl} detail={data} />
      ) : error ? (
        <ErrorState
          title={
            "status" in error && error.status === 404 ? "No longer in the request log" : undefined
          }
          error={error}
          onRetry={() => void refetch()}
        />
      ) : (
        pointer && <Waiting />
      )}
    </Drawer>
  );
}
