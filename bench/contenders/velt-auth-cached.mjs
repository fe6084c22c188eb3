import { VeltAuthClient } from 'velt-auth'
import { apiKey, authToken } from '../request.mjs'

export function open({ baseUrl, ca }) {
  const client = new VeltAuthClient({ apiVersion: 'v1', apiKey, authToken, baseUrl, ca })
  return async (user) => (await client.getToken(user)).token
}
