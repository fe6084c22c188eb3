// Our endpoint with its cache switched off: every request is a call to Velt.

import { VeltAuthClient } from 'velt-auth'
import { veltTokenHandler } from 'velt-auth/express'
import { apiKey, authToken } from '../request.mjs'

export function createEndpoint({ baseUrl, ca }) {
  const client = new VeltAuthClient({ apiKey, authToken, baseUrl, ca })
  const generateToken = (user) => client.generateToken(user)
  const uncached = { generateToken, getToken: generateToken }
  return veltTokenHandler({ client: uncached, identify: (req) => req.user })
}
