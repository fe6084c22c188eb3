/**
 * Whether a tool that is missing is a failure, and not a skip that names itself. In CI it is; but on
 * Linux alone, since that is where CI can install them all.
 */
export const isRequired = Boolean(process.env.CI) && process.platform === 'linux'
