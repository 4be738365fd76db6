// What the dialogs offer to start with.

export const EXAMPLE_SCHEMA = `{
  "id": "urn:example:scim:schemas:extension:2.0:Badge",
  "name": "Badge",
  "description": "The badge that opens the doors",
  "attributes": [
    {
      "name": "number",
      "type": "string",
      "description": "What is printed on it",
      "caseExact": true,
      "uniqueness": "server"
    },
    {
      "name": "doors",
      "type": "string",
      "multiValued": true,
      "description": "The doors that it opens"
    }
  ]
}`;

export const EXAMPLE_TYPE = `{
  "name": "Device",
  "description": "A computer or a phone",
  "endpoint": "/Devices",
  "schema": "urn:example:scim:schemas:2.0:Device",
  "schemaExtensions": [],
  "searchable": []
}`;
