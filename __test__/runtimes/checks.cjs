// The checks of the installed package, the same for every runtime. VELT_BASE_URL, VELT_API_KEY and
// VELT_AUTH_TOKEN point to an emulator. A check that passes resolves to true.

module.exports = (velt) => ({
  async token() {
    const token = await velt.generateVeltAuthToken({ userId: 'ada', isAdmin: true })
    return JSON.parse(atob(token.split('.')[1])).userId === 'ada'
  },

  async error() {
    const client = new velt.VeltAuthClient({ authToken: 'wrong' })
    const error = await client.generateToken('ada').catch((error) => error)
    const isTyped = error instanceof velt.VeltAuthError && error instanceof Error
    return isTyped && error.code === 'ERR_VELT_UNAUTHORIZED' && error.attempts === 1
  },

  async abort() {
    const reason = new Error('changed my mind')
    const controller = new AbortController()
    // The emulator never sends a response for this user.
    const options = { signal: controller.signal }
    const call = new velt.VeltAuthClient().generateToken('stalled', options)
    setTimeout(() => controller.abort(reason), 50)
    return (await call.catch((error) => error)) === reason
  },

  async 'cache hit'() {
    const client = new velt.VeltAuthClient()
    const first = await client.getToken('ada')
    const second = await client.getToken('ada')
    return first.token === second.token && client.stats().upstreamRequests === 1
  },
})
