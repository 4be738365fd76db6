import { Button } from "@mantine/core";
import { Link } from "react-router";
import { GroupsList, NoGroupsYet } from "../../directory/GroupsList";
import { useSourceOfPage } from "./SourcePage";

export default function GroupsTab() {
  const { source } = useSourceOfPage();
  const connect = (
    <Button component={Link} to="../connect" relative="path">
      How to connect
    </Button>
  );
  return <GroupsList source={source.slug} noneYet={<NoGroupsYet action={connect} />} />;
}
