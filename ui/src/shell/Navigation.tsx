import {
  IconActivityHeartbeat,
  IconBook2,
  IconCloudDataConnection,
  IconHistory,
  IconKey,
  IconSettings,
  IconShieldLock,
  IconUsers,
  IconUsersGroup,
} from "@tabler/icons-react";
import type { ComponentType } from "react";
import { NavLink } from "react-router";
import classes from "./Shell.module.css";

interface Place {
  to: string;
  name: string;
  icon: ComponentType<{ size?: number; stroke?: number; "aria-hidden"?: boolean }>;
}

const sections: { name: string; places: Place[] }[] = [
  {
    name: "Directory",
    places: [
      {
        to: "/directory/sources",
        name: "Federation & Social login",
        icon: IconCloudDataConnection,
      },
      { to: "/directory/users", name: "Users", icon: IconUsers },
      { to: "/directory/groups", name: "Groups", icon: IconUsersGroup },
    ],
  },
  {
    name: "System",
    places: [
      { to: "/system/administrators", name: "Administrators", icon: IconShieldLock },
      { to: "/system/api-tokens", name: "API tokens", icon: IconKey },
      { to: "/system/activity", name: "Audit log", icon: IconHistory },
      { to: "/system/settings", name: "Settings", icon: IconSettings },
      { to: "/system/health", name: "Health", icon: IconActivityHeartbeat },
      { to: "/system/api", name: "API reference", icon: IconBook2 },
    ],
  },
];

export function Navigation({ onChoose }: { onChoose: () => void }) {
  return sections.map((section) => (
    <div key={section.name}>
      <h2 className={classes.sectionName} id={`navigation-${section.name}`}>
        {section.name}
      </h2>
      <ul className={classes.links} aria-labelledby={`navigation-${section.name}`}>
        {section.places.map(({ to, name, icon: Icon }) => (
          <li key={to}>
            <NavLink to={to} className={classes.link} onClick={onChoose}>
              <Icon size={20} stroke={1.6} aria-hidden />
              {name}
            </NavLink>
          </li>
        ))}
      </ul>
    </div>
  ));
}
