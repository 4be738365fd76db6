import type { ComponentType } from "react";
import { createBrowserRouter, Navigate, type RouteObject } from "react-router";
import { NotFoundPage } from "./pages/NotFoundPage";
import { RouteError } from "./shell/RouteError";
import { SignedIn } from "./shell/SignedIn";
import { Waiting } from "./shell/Waiting";

/** A page whose code is fetched when it is first opened. */
function page(path: string, load: () => Promise<{ default: ComponentType }>): RouteObject {
  return { path, lazy: async () => ({ Component: (await load()).default }) };
}

const source: RouteObject = {
  path: "directory/sources/:slug",
  lazy: async () => ({ Component: (await import("./pages/source/SourcePage")).default }),
  children: [
    { index: true, element: <Navigate to="overview" replace /> },
    page("overview", () => import("./pages/source/OverviewTab")),
    page("connect", () => import("./pages/source/ConnectTab")),
    page("users", () => import("./pages/source/UsersTab")),
    page("groups", () => import("./pages/source/GroupsTab")),
    page("schemas", () => import("./pages/source/SchemasTab")),
    page("activity", () => import("./pages/source/ActivityTab")),
    page("credentials", () => import("./pages/source/CredentialsTab")),
    page("settings", () => import("./pages/source/SettingsTab")),
  ],
};

export const router = createBrowserRouter([
  {
    errorElement: <RouteError />,
    hydrateFallbackElement: <Waiting />,
    children: [
      page("/welcome", () => import("./pages/entrance/WelcomePage")),
      page("/sign-in", () => import("./pages/entrance/SignInPage")),
      {
        path: "/",
        element: <SignedIn />,
        children: [
          {
            // Inside the shell, so that one broken page leaves the way to the others open.
            errorElement: <RouteError />,
            children: [
              { index: true, element: <Navigate to="/directory/sources" replace /> },
              page("directory/sources", () => import("./pages/sources/SourcesPage")),
              page("directory/sources/new", () => import("./pages/sources/NewSourcePage")),
              source,
              page("directory/users", () => import("./pages/users/UsersPage")),
              page("directory/users/:slug/:id", () => import("./pages/users/UserPage")),
              page("directory/groups", () => import("./pages/groups/GroupsPage")),
              page("directory/groups/:slug/:id", () => import("./pages/groups/GroupPage")),
              page("system/administrators", () => import("./pages/system/AdministratorsPage")),
              page("system/api-tokens", () => import("./pages/system/ApiTokensPage")),
              page("system/activity", () => import("./pages/system/AuditLogPage")),
              page("system/settings", () => import("./pages/system/SettingsPage")),
              page("system/health", () => import("./pages/system/HealthPage")),
              page("system/api", () => import("./pages/system/ApiReferencePage")),
              page("account/sessions", () => import("./pages/account/SessionsPage")),
              page("account/password", () => import("./pages/account/PasswordPage")),
              { path: "*", element: <NotFoundPage /> },
            ],
          },
        ],
      },
    ],
  },
]);
