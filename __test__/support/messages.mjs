// The messages of the channels in `node:diagnostics_channel`.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'

const CHANNELS = {
  start: 'tracing:velt-auth:token:start',
  token: 'tracing:velt-auth:token:asyncEnd',
  error: 'tracing:velt-auth:token:error',
  request: 'velt-auth:request',
  cache: 'velt-auth:cache',
}

/**
 * Subscribes to all channels for one test. Returns the messages by channel; `all` has those of all
 * channels in their order, and `stop` ends the subscription.
 */
export function collectMessages(t) {
  const messages = { all: [] }
  const subscriptions = Object.entries(CHANNELS).map(([name, channel]) => {
    messages[name] = []
    const listener = (message) => {
      messages[name].push(message)
      messages.all.push(message)
    }
    subscribe(channel, listener)
    return () => unsubscribe(channel, listener)
  })
  messages.stop = () => {
    for (const end of subscriptions) end()
  }
  t.after(messages.stop)
  return messages
}
