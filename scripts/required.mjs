/**
 * Whether a missing tool is a failure. If not, its checks and tests are skipped, and the output names
 * the tool. It is a failure in CI, on Linux only: there CI can install all tools.
 */
export const isRequired = Boolean(process.env.CI) && process.platform === 'linux'
