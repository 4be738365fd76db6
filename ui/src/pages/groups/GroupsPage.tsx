import { Button } from "@mantine/core";
import { Link } from "react-router";
import { PageHeader } from "../../components/PageHeader";
import { GroupsList, NoGroupsYet } from "../../directory/GroupsList";

export default function GroupsPage() {
  const toSources = (
    <Button component={Link} to="/directory/sources">
      Go to the sources
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Groups"
        description="All groups that the identity providers have sent, source by source."
      />
      <GroupsList noneYet={<NoGroupsYet action={toSources} />} />
    </>
  );
}
