// The endpoint of velt-auth without its cache: each request makes an upstream request.

import { VeltAuthClient } from 'velt-auth'
import { veltTokenHandler } from 'velt-auth/express'
import { apiKey, authToken } from '../request.mjs'

export function createEndpoint({ baseUrl, ca }) {
  const client = new VeltAuthClient({ apiVersion: 'v1', apiKey, authToken, baseUrl, ca })
  const generateToken = (user) => client.generateToken(user)
  const uncached = { generateToken, getToken: generateToken }
  return veltTokenHandler({ client: uncached, identify: (req) => req.user })
}
