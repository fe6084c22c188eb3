import { VeltAuthClient } from 'velt-auth'
import { veltTokenHandler } from 'velt-auth/express'
import { apiKey, authToken } from '../request.mjs'

export function createEndpoint({ baseUrl, ca }) {
  const client = new VeltAuthClient({ apiVersion: 'v1', apiKey, authToken, baseUrl, ca })
  return veltTokenHandler({ client, identify: (req) => req.user })
}
