// The channels of `node:diagnostics_channel`. docs/observability.md describes them.

'use strict'

const { channel, tracingChannel } = require('node:diagnostics_channel')

const token = tracingChannel('velt-auth:token')
const request = channel('velt-auth:request')
const cache = channel('velt-auth:cache')

/** Whether somebody subscribes to a channel. Bun has no `hasSubscribers` of a tracing channel. */
function hasSubscribers() {
  return (
    token.start.hasSubscribers ||
    token.end.hasSubscribers ||
    token.asyncStart.hasSubscribers ||
    token.asyncEnd.hasSubscribers ||
    token.error.hasSubscribers ||
    request.hasSubscribers ||
    cache.hasSubscribers
  )
}

exports.cache = cache
exports.hasSubscribers = hasSubscribers
exports.request = request
exports.token = token
