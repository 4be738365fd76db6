// SCIMMY behind its Express routers, with everything in memory. Resources are in maps by id, and names
// in a set, so that reading by id and uniqueness cost a step; filters and pages are left to SCIMMY.

import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

function declare(type, name) {
  const resources = new Map();
  const names = new Map();
  SCIMMY.Resources.declare(type)
    .ingress((request, data) => {
      const id = request.id ?? randomUUID();
      const before = resources.get(id);
      if (request.id && !before) throw new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
      const holder = names.get(data[name]);
      if (holder && holder !== id) throw new SCIMMY.Types.Error(409, "uniqueness", `${name} is taken`);
      const now = new Date().toISOString();
      const resource = { ...data, id, meta: { created: before?.meta.created ?? now, lastModified: now } };
      if (before) names.delete(before[name]);
      names.set(resource[name], id);
      resources.set(id, resource);
      return resource;
    })
    .egress((request) => {
      if (request.id) {
        const resource = resources.get(request.id);
        if (!resource) throw new SCIMMY.Types.Error(404, null, `Resource ${request.id} not found`);
        return resource;
      }
      const all = [...resources.values()];
      return request.filter ? request.filter.match(all) : all;
    })
    .degress((request) => {
      names.delete(resources.get(request.id)?.[name]);
      resources.delete(request.id);
    });
}

SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false);
declare(SCIMMY.Resources.User, "userName");
declare(SCIMMY.Resources.Group, "displayName");

const app = express();
app.use(
  "/scim",
  new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
      if (request.header("Authorization") !== "Bearer bench") throw new Error("not authorized");
      return "bench";
    },
  }),
);
// Long requests hold up all others, and connections must not be taken for idle meanwhile.
app.listen(Number(process.argv[2]), "127.0.0.1").keepAliveTimeout = 120_000;
