// Runtimes that cannot load native addons use this file instead of the package: Cloudflare Workers and
// edge runtimes.

'use strict'

// This line makes the file CommonJS, as in server-only.js.
module.exports = {}

throw new Error(
  'velt-auth cannot run here: Workers and edge runtimes do not load native addons. Put the token ' +
    "endpoint on Node.js, Bun or Deno; in Next.js, write export const runtime = 'nodejs'",
)
