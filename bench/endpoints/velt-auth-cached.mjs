import { VeltAuthClient } from '../../index.js'
import { veltTokenHandler } from '../../lib/express.js'
import { apiKey, authToken } from '../request.mjs'

export function createEndpoint({ baseUrl, ca }) {
  const client = new VeltAuthClient({ apiKey, authToken, baseUrl, ca })
  const cached = { generateToken: (user, options) => client.getToken(user, options) }
  return veltTokenHandler({ client: cached, identify: (req) => req.user })
}
