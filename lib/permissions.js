'use strict'

const { run } = require('./calls.js')
const { validateCallOptions } = require('./options.js')
const { toChange, toQuery } = require('./user.js')

/** @typedef {import('../index.js').VeltCallOptions} CallOptions */

/** @typedef {import('../index.js').VeltTokenMessage['method']} Method */
/** @typedef {import('./addon.js').TracedCall} TracedCall */

/** The permissions that Velt stores for users. */
class Permissions {
  #native
  #during
  #trace

  /**
   * @param {import('./addon.js').NativeClient} native
   * @param {<T>(call: () => Promise<T>) => Promise<T>} during runs a call that may need an auth token
   * @param {<T>(method: Method, start: (traced?: TracedCall) => Promise<T>) => Promise<T>} trace runs a
   *   call, and publishes it if somebody subscribes to a channel.
   */
  constructor(native, during, trace) {
    this.#native = native
    this.#during = during
    this.#trace = trace
  }

  /**
   * @param {unknown} user
   * @param {unknown} resources
   * @param {CallOptions} [options]
   */
  async add(user, resources, options) {
    await this.#trace('permissions.add', async (traced) => {
      const change = { isRemoval: false, ...toChange(user, resources) }
      await this.#change(change, options, traced)
    })
  }

  /**
   * @param {unknown} user
   * @param {unknown} resources
   * @param {CallOptions} [options]
   */
  async remove(user, resources, options) {
    await this.#trace('permissions.remove', async (traced) => {
      const change = { isRemoval: true, ...toChange(user, resources, true) }
      await this.#change(change, options, traced)
    })
  }

  /**
   * @param {unknown} query
   * @param {CallOptions} [options]
   * @returns {Promise<import('../index.js').VeltPermissions>}
   */
  async get(query, options) {
    return await this.#trace('permissions.get', (traced) => this.#get(query, options, traced))
  }

  /**
   * @param {unknown} query
   * @param {CallOptions} [options]
   * @param {TracedCall} [traced]
   * @returns {Promise<import('../index.js').VeltPermissions>}
   */
  async #get(query, options, traced) {
    const { signal, deadline } = validateCallOptions(options)
    const nativeQuery = toQuery(query)
    const json = await this.#during(() =>
      run(signal, (calls, call, cancel) =>
        this.#native.getPermissions(calls, call, cancel, nativeQuery, deadline, traced),
      ),
    )
    // `JSON.parse` makes an own property of each user id, even of '__proto__'.
    return JSON.parse(String(json))
  }

  /**
   * @param {import('./addon.js').PermissionsChange} change
   * @param {CallOptions} [options]
   * @param {TracedCall} [traced]
   */
  async #change(change, options, traced) {
    const { signal, deadline } = validateCallOptions(options)
    await this.#during(() =>
      run(signal, (calls, call, cancel) =>
        this.#native.changePermissions(calls, call, cancel, change, deadline, traced),
      ),
    )
  }
}

exports.Permissions = Permissions
