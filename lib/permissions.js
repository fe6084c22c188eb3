'use strict'

const { run } = require('./calls.js')
const { validateCallOptions } = require('./options.js')
const { toChange, toQuery } = require('./user.js')

/** @typedef {import('../index.js').VeltCallOptions} CallOptions */

/** The permissions that Velt stores for users. */
class Permissions {
  #native
  #during

  /**
   * @param {import('./addon.js').NativeClient} native
   * @param {<T>(call: () => Promise<T>) => Promise<T>} during runs a call that may need an auth token
   */
  constructor(native, during) {
    this.#native = native
    this.#during = during
  }

  /**
   * @param {unknown} user
   * @param {unknown} resources
   * @param {CallOptions} [options]
   */
  async add(user, resources, options) {
    await this.#change({ isRemoval: false, ...toChange(user, resources) }, options)
  }

  /**
   * @param {unknown} user
   * @param {unknown} resources
   * @param {CallOptions} [options]
   */
  async remove(user, resources, options) {
    await this.#change({ isRemoval: true, ...toChange(user, resources, true) }, options)
  }

  /**
   * @param {unknown} query
   * @param {CallOptions} [options]
   * @returns {Promise<import('../index.js').VeltPermissions>}
   */
  async get(query, options) {
    const { signal, deadline } = validateCallOptions(options)
    const nativeQuery = toQuery(query)
    const json = await this.#during(() =>
      run(signal, (calls, call, cancel) =>
        this.#native.getPermissions(calls, call, cancel, nativeQuery, deadline),
      ),
    )
    // `JSON.parse` makes an own property of each user id, even of '__proto__'.
    return JSON.parse(String(json))
  }

  /**
   * @param {import('./addon.js').PermissionsChange} change
   * @param {CallOptions} [options]
   */
  async #change(change, options) {
    const { signal, deadline } = validateCallOptions(options)
    await this.#during(() =>
      run(signal, (calls, call, cancel) =>
        this.#native.changePermissions(calls, call, cancel, change, deadline),
      ),
    )
  }
}

exports.Permissions = Permissions
