// Which alerts are causes and which are symptoms: the edges of inhibition that hold for every service.

/** The thing itself is gone. */
export const hardDown = ["ServiceDown", "ServiceAbsent", "RedisDown", "PostgresDown", "IntegrationDown"] as const;

/** What follows when it is. */
export const symptoms = ["CollectorFailing", "ErrorBudgetBurn", "ServiceFlapping"] as const;
