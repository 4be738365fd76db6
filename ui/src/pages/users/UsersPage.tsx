import { Button } from "@mantine/core";
import { Link } from "react-router";
import { PageHeader } from "../../components/PageHeader";
import { NoUsersYet, UsersList } from "../../directory/UsersList";

export default function UsersPage() {
  const toSources = (
    <Button component={Link} to="/directory/sources">
      Go to the sources
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Users"
        description="Everyone whom the identity providers have sent, source by source."
      />
      <UsersList nobodyYet={<NoUsersYet action={toSources} />} />
    </>
  );
}
