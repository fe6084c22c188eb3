// The guide's endpoint around the guide's sample. Its user comes from the session, as ours does:
// the guide reads it from the request's body, which would cost it a parser besides.

import { open } from '../contenders/guide.mjs'

export function createEndpoint(options) {
  const generateVeltAuthToken = open(options)

  return async (req, res) => {
    const veltAuthToken = await generateVeltAuthToken(req.user)
    res.json(veltAuthToken)
  }
}
