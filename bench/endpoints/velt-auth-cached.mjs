import { VeltAuthClient } from '../../index.js'
import { veltTokenHandler } from '../../lib/node.js'
import { apiKey, authToken } from '../request.mjs'

export function createEndpoint({ baseUrl, ca }) {
  const client = new VeltAuthClient({ apiKey, authToken, baseUrl, ca })
  return veltTokenHandler({ client, identify: (req) => req.user })
}
