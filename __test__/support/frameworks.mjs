// The token endpoint mounted in each framework, as a request listener for `node:http`.

import fastifyCors from '@fastify/cors'
import { getRequestListener } from '@hono/node-server'
import koaCors from '@koa/cors'
import cors from 'cors'
import express from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import * as h3v1 from 'h3'
import { H3, handleCors, toNodeHandler } from 'h3-2'
import { Hono } from 'hono'
import { cors as honoCors } from 'hono/cors'
import Koa from 'koa'
import { createRequestHandler } from 'react-router'
import * as forExpress from 'velt-auth/express'
import * as forFastify from 'velt-auth/fastify'
import * as forFetch from 'velt-auth/fetch'
import * as forKoa from 'velt-auth/koa'
import * as forNode from 'velt-auth/node'
import { nestExpress, nestFastify } from './nest.mjs'

export const PATH = '/api/velt/token'

/** What an app's own middleware adds to the Vary header before the endpoint runs. */
const VARY = 'Accept-Encoding'

/**
 * `listener` makes a request listener from the handler's options. With `appCors`, the app also has the
 * usual CORS middleware of the framework, with these options. `header` reads a request header from the
 * arguments that the framework passes to `identify` and `onError`. `replacesVary`: the framework drops the
 * Vary header of the app's own middleware.
 */
export const FRAMEWORKS = {
  'Express 5': { listener: inExpress(express), header: get },
  'Express 4': { listener: inExpress(express4), header: get },
  'Fastify 5': { listener: inFastify, header: (request, name) => request.headers[name] },
  'Koa 3': { listener: inKoa, header: get },
  'Hono 4': { listener: inHono, header: (_request, name, c) => c.req.header(name) },
  'NestJS 12, Express': {
    listener: (options, appCors) => nestExpress(PATH, options, VARY, appCors),
    header: get,
  },
  'NestJS 12, Fastify': {
    listener: (options, appCors) => nestFastify(PATH, options, VARY, appCors),
    header: (request, name) => request.headers[name],
  },
  'h3 2': { listener: inH3, header: (_request, name, event) => event.req.headers.get(name) },
  'h3 1 (Nuxt)': {
    listener: inH3v1,
    header: (_request, name, event) => event.headers.get(name),
    // It replaces the headers that are set before by those of the returned `Response`.
    replacesVary: true,
  },
  'React Router 7': {
    listener: inReactRouter,
    header: (request, name) => request.headers.get(name),
    // Hono's listener replaces it.
    replacesVary: true,
  },
  'node:http': { listener: inNode, header: (req, name) => req.headers[name] },
}

function get(request, name) {
  return request.get(name)
}

function inExpress(framework) {
  return (options, appCors) => {
    const app = framework()
    app.use(framework.json())
    if (appCors) app.use((_req, res, next) => next(res.vary(VARY) && undefined), cors(appCors))
    app.all(PATH, forExpress.veltTokenHandler(options))
    return app
  }
}

async function inFastify(options, appCors) {
  const app = fastify()
  if (appCors) {
    app.addHook('onRequest', async (_request, reply) => void reply.header('vary', VARY))
    app.register(fastifyCors, appCors)
  }
  app.register(forFastify.veltTokenHandler(options), { prefix: PATH })
  await app.ready()
  return app.routing
}

function inKoa(options, appCors) {
  const app = new Koa()
  const handle = forKoa.veltTokenHandler(options)
  if (appCors) {
    app.use((ctx, next) => next(ctx.vary(VARY)))
    app.use(koaCors(appCors))
  }
  app.use((ctx, next) => (ctx.path === PATH ? handle(ctx) : next()))
  return app.callback()
}

function inHono(options, appCors) {
  const app = new Hono()
  const handle = forFetch.veltTokenHandler(options)
  if (appCors) {
    app.use((c, next) => {
      c.header('vary', VARY)
      return next()
    })
    app.use(honoCors(appCors))
  }
  app.all(PATH, (c) => handle(c.req.raw, c))
  return getRequestListener(app.fetch)
}

function inH3(options, appCors) {
  const app = new H3()
  const handle = forFetch.veltTokenHandler(options)
  if (appCors) {
    app.use((event) => {
      event.res.headers.set('vary', VARY)
      const { origin, credentials } = appCors
      // `false`: the request is not a preflight request.
      return handleCors(event, { origin: [origin], credentials }) || undefined
    })
  }
  app.all(PATH, (event) => handle(event.req, event))
  return toNodeHandler(app)
}

function inH3v1(options, appCors) {
  const app = h3v1.createApp()
  const handle = forFetch.veltTokenHandler(options)
  const route = h3v1.defineEventHandler((event) => handle(h3v1.toWebRequest(event), event))
  if (appCors) {
    const middleware = h3v1.defineEventHandler((event) => {
      h3v1.setResponseHeader(event, 'vary', VARY)
      const { origin, credentials } = appCors
      const cors = { origin: [origin], credentials, preflight: { statusCode: 204 } }
      if (h3v1.handleCors(event, cors)) return null
    })
    app.use(middleware)
  }
  app.use(PATH, route)
  return h3v1.toNodeListener(app)
}

function inReactRouter(options, appCors) {
  const handle = forFetch.veltTokenHandler(options)
  const route = ({ request }) => handle(request)
  // The parts of a server build that a route without a page needs.
  const handler = createRequestHandler({
    assets: { entry: {}, routes: {} },
    entry: { module: {} },
    future: {},
    routeDiscovery: {},
    ssr: true,
    routes: { token: { id: 'token', path: PATH, module: { action: route, loader: route } } },
  })
  const listener = getRequestListener((request) => handler(request))
  const app = express()
  if (appCors) app.use((_req, res, next) => next(res.vary(VARY) && undefined), cors(appCors))
  return app.use(listener)
}

function inNode(options, appCors) {
  const handle = forNode.veltTokenHandler(options)
  const withMiddleware = (req, res, next) => {
    res.setHeader('vary', VARY)
    cors(appCors)(req, res, next)
  }
  const route = (req, res) =>
    req.url.split('?')[0] === PATH ? handle(req, res) : res.writeHead(404).end()
  return appCors ? (req, res) => withMiddleware(req, res, () => route(req, res)) : route
}
