import { Button } from "@mantine/core";
import { Link } from "react-router";
import { NoUsersYet, UsersList } from "../../directory/UsersList";
import { useSourceOfPage } from "./SourcePage";

export default function UsersTab() {
  const { source } = useSourceOfPage();
  const connect = (
    <Button component={Link} to="../connect" relative="path">
      How to connect
    </Button>
  );
  return <UsersList source={source.slug} nobodyYet={<NoUsersYet action={connect} />} />;
}
