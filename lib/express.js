const { createTokenHandler } = require('./handler.js')

/** @param {import('./express.js').TokenHandlerOptions} options */
function veltTokenHandler(options) {
  const handle = createTokenHandler(options)

  /**
   * @param {import('express').Request} req
   * @param {import('express').Response} res
   */
  return async function veltToken(req, res) {
    const visitor = new AbortController()
    res.once('close', () => visitor.abort())
    const { status, headers, body } = await handle(req.method ?? '', req, visitor.signal)
    res.writeHead(status, headers).end(body)
  }
}

exports.veltTokenHandler = veltTokenHandler
