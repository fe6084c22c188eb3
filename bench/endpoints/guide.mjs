// The endpoint of Velt's guide. Its user comes from the session, as in the other endpoints. (The guide
// reads it from the request's body, which would also cost a parser.)

import { open } from '../contenders/guide.mjs'

export function createEndpoint(options) {
  const generateVeltAuthToken = open(options)

  return async (req, res) => {
    const veltAuthToken = await generateVeltAuthToken(req.user)
    res.json(veltAuthToken)
  }
}
