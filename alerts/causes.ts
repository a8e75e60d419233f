// Which alerts are causes and which are symptoms: the edges of inhibition that hold for every service.

/** The thing itself is gone. */
export const hardDown = [
  "ServiceDown",
  "ServiceAbsent",
  "ServiceNotReady",
  "RedisDown",
  "PostgresDown",
  "IntegrationDown",
] as const;

/** What follows when it is. Of a database that does not answer, its own alert says more than that the service is not ready. */
export const symptoms = [
  "CollectorFailing",
  "ErrorBudgetBurn",
  "GatewayUpstreamFailing",
  "ServiceFlapping",
  "ServiceNotReady",
] as const;
