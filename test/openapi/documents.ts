// Every OpenAPI document of the project, by program.

import { openApi as integrationHealth } from "../../exporters/integration-health/openapi.ts";
import { openApi as gateway } from "../../gateway/openapi.ts";
import { clinic } from "../../gateway/routes/clinic.ts";

export const documents = { gateway: gateway(clinic), "integration-health": integrationHealth } as const;
