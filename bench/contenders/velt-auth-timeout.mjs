// With a short `timeout`: an attempt that is late ends, and a retry follows.

import { VeltAuthClient } from 'velt-auth'
import { apiKey, authToken } from '../request.mjs'

export function open({ baseUrl, ca }) {
  const client = new VeltAuthClient({
    apiVersion: 'v1',
    apiKey,
    authToken,
    baseUrl,
    ca,
    timeout: 250,
  })
  return async (user) => (await client.generateToken(user)).token
}
