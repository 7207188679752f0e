// Shapes of the HTTP API (docs/http-api.md), as types alone.

/** @typedef {"healthy"|"unhealthy"|"unknown"|"exited"} HealthState */

/** @typedef {{ state: HealthState, message: string, updatedTime: string }} Health */

/**
 * @typedef {object} Component
 * @property {string} name for example `loki.write`
 * @property {string} localID
 * @property {string} moduleID empty in the configuration itself
 * @property {string} [label]
 * @property {string[]} referencesTo
 * @property {string[]} referencedBy
 * @property {string[]} dataFlowEdgesTo
 * @property {Health} health
 * @property {Body} arguments
 * @property {Body} exports
 * @property {Body} debugInfo
 * @property {string[]} [createdModuleIDs]
 * @property {boolean} [liveDebuggingEnabled]
 */

/** @typedef {{ type: "number"|"string"|"bool"|"null"|"array"|"object"|"capsule"|"function", value: unknown }} Value */
/** @typedef {{ name: string, type: "attr", value: Value }} Attribute */
/** @typedef {{ name: string, type: "block", label?: string, body: Body }} Block */
/** @typedef {(Attribute|Block)[]} Body */
/** @typedef {{ key: string, value: Value }} Member */

/** @typedef {{ items: number, bytes: number }} Amount */
/** @typedef {Record<string, Amount>} Amounts */

/**
 * @typedef {object} Edge
 * @property {string} from
 * @property {string} to
 * @property {Amount} entered
 * @property {Amount} delivered
 * @property {Amounts} filtered
 * @property {Amounts} rejected
 * @property {Amounts} expired
 * @property {Amounts} dead_lettered
 * @property {Amount} returned
 * @property {Amount} lost
 * @property {Amount} in_flight
 * @property {boolean} balanced
 */

/** @typedef {{ limit: number|null, used: number, peak: number, waiting: number }} Budget */
/** @typedef {{ edges: Edge[], budget: Budget }} Ledger */

/** @typedef {{ at: string, labels: Record<string, string>, line: string, message?: string }} Example */
/** @typedef {{ block: string, place: string, examples: Example[] }} Rule */
/**
 * @typedef {object} Answer
 * @property {string} component
 * @property {string} place
 * @property {string} fate
 * @property {string} reason
 * @property {number} items
 * @property {number} bytes
 * @property {Rule[]} rules
 */
/** @typedef {{ since: string|null, complete: boolean, answers: Answer[] }} Why */

/** @typedef {{ state: HealthState, message: string, at: string }} HealthChange */
/** @typedef {{ id: string, place: string, healthHistory: HealthChange[], busySeconds: number }} Detail */

/**
 * @typedef {object} Queue
 * @property {string} component
 * @property {string} destination
 * @property {"healthy"|"catching up"|"failing"} state
 * @property {string} message
 * @property {number} depthRecords
 * @property {number} depthBytes
 * @property {number} diskBytes compressed, and of all destinations of the component
 * @property {number|null} limitBytes
 * @property {number|null} oldestSeconds
 * @property {number|null} inBytesPerSecond null until it was seen twice
 * @property {number|null} outBytesPerSecond
 * @property {number|null} secondsToLoss
 */

/** @typedef {{ name: string, addr: string, isSelf: boolean, state: "viewer"|"participant"|"terminating" }} Peer */

/**
 * @typedef {object} RemoteConfig
 * @property {boolean} configured
 * @property {string} url
 * @property {string} id
 * @property {string} name
 * @property {Record<string, string>} attributes
 * @property {"unset"|"applied"|"applying"|"failed"} status
 * @property {string} message
 * @property {string} hash
 * @property {string|null} lastPoll
 * @property {string|null} lastLoad
 * @property {number} pollFrequencySeconds
 * @property {string} source
 */

/**
 * @typedef {object} TapRecord
 * @property {string} at
 * @property {string} from
 * @property {string} [to] none inside of a component
 * @property {string} [stage]
 * @property {"edge"|"stage"|"out"|"dropped"} moment
 * @property {"logs"|"metrics"|"traces"} signal
 * @property {string} [timestamp]
 * @property {Record<string, string>} [labels]
 * @property {string} [line]
 * @property {Record<string, string>} [metadata]
 * @property {string|number} [value]
 * @property {string} [text]
 * @property {Record<string, unknown>} [changed] what a stage changed: values after it, by name; all of them for `out`, `reason` for `dropped`
 * @property {Record<string, unknown>} [before] the same values before it
 */

/** @typedef {{ componentID: string, targetComponentIDs: string[], type: string, rate: number }} Flow */

export {};
