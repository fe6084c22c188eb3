// What the options are for: an attempt that is late is given up, and made again.

import { VeltAuthClient } from 'velt-auth'
import { apiKey, authToken } from '../request.mjs'

export function open({ baseUrl, ca }) {
  const client = new VeltAuthClient({ apiKey, authToken, baseUrl, ca, timeout: 250 })
  return async (user) => (await client.generateToken(user)).token
}
