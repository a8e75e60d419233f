// Every OpenAPI document of the project, by program.
import { exporters } from "../../exporters/index.ts";
import { openApiOf } from "../../exporters/openapi.ts";
import { openApi as gateway } from "../../gateway/openapi.ts";
import { clinic } from "../../gateway/routes/clinic.ts";

export const ofExporters = await Promise.all(
  Object.values(exporters).map(async (load) => {
    const exporter = await load();
    return { exporter, document: openApiOf(exporter) };
  }),
);

export const documents = {
  gateway: gateway(clinic),
  ...Object.fromEntries(ofExporters.map(({ exporter: { name }, document }) => [name, document])),
} as const;
