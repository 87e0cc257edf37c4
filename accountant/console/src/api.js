// The management API: accountant/admin/README.md. A change repeats the login's
// csrf_token; a failure is an ApiError with the server's code and words.
// SPDX-License-Identifier: Apache-2.0
import { useCallback, useEffect, useRef, useState } from './dom.js';
import { session, toastError } from './state.js';
import { t } from './i18n.js';

export class ApiError extends Error {
    constructor(status, { code, message, field } = {}) {
        super(message || t('common.http_error', { status }));
        this.status = status;
        this.code = code || 'http_error';
        this.field = field; // of the body, that it is about: budgets[0].limit
    }
}

// The address of a question; empty values stay out.
export function urlOf(path, query) {
    const url = new URL(`/admin/v1${path}`, location.origin);
    for (const [name, value] of Object.entries(query || {}))
        if (value !== undefined && value !== null && value !== '') url.searchParams.set(name, value);
    return url;
}

async function send(method, path, { query, body, signal, ifMatch, idempotencyKey } = {}) {
    const headers = { accept: 'application/json' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (method !== 'GET') headers['x-csrf-token'] = session.get()?.csrf_token ?? '';
    if (ifMatch) headers['if-match'] = ifMatch;
    if (idempotencyKey) headers['idempotency-key'] = idempotencyKey;
    let answer;
    try {
        answer = await fetch(urlOf(path, query), {
            method, headers, signal, credentials: 'same-origin', cache: 'no-store',
            redirect: 'error', body: body === undefined ? undefined : JSON.stringify(body),
        });
    } catch (error) {
        if (error.name === 'AbortError') throw error;
        throw new ApiError(0, { code: 'unreachable', message: t('common.unreachable') });
    }
    const text = await answer.text();
    let data = null;
    try {
        data = text === '' ? null : JSON.parse(text);
    } catch {
        throw new ApiError(answer.status, { code: 'not_json' });
    }
    if (!answer.ok) {
        const error = new ApiError(answer.status, data?.error);
        if (answer.status === 401 && session.get()) session.set(null);
        throw error;
    }
    return { data, etag: answer.headers.get('etag'), status: answer.status };
}

const dataOf = async (promise) => (await promise).data;

// options: query, signal, ifMatch, idempotencyKey
export const api = {
    send, // -> {data, etag, status}
    get: (path, query, options) => dataOf(send('GET', path, { query, ...options })),
    post: (path, body = {}, options) => dataOf(send('POST', path, { body, ...options })),
    patch: (path, body, options) => dataOf(send('PATCH', path, { body, ...options })),
    delete: (path, options) => dataOf(send('DELETE', path, options)),
};

export const newIdempotencyKey = () => crypto.randomUUID();

// A member of a path: api.get(`/models/${segment(name)}`)
export const segment = (text) => encodeURIComponent(text);

/*
 * const {data, error, loading, reload, etag} = useApi('/keys', {page: 2}, {every: 30000});
 * path null: nothing is asked. What is shown stays while it is asked anew; a
 * question that is overtaken is aborted. `every` ms: again, while the page is seen.
 */
export function useApi(path, query, { every = 0 } = {}) {
    const [state, setState] = useState({ data: undefined, loading: path !== null });
    const question = path === null ? null : path + JSON.stringify(query || {});
    const running = useRef(null);
    const ask = useCallback(async () => {
        running.current?.abort();
        if (question === null) return;
        const abort = new AbortController();
        running.current = abort;
        setState((now) => ({ ...now, loading: true }));
        try {
            const { data, etag } = await send('GET', path, { query, signal: abort.signal });
            setState({ data, etag, of: question, loading: false });
        } catch (error) {
            if (error.name !== 'AbortError')
                setState((now) => ({ ...now, error, of: question, loading: false }));
        }
    }, [question]);
    useEffect(() => {
        ask();
        const timer = every > 0 && setInterval(() => !document.hidden && ask(), every);
        return () => {
            clearInterval(timer);
            running.current?.abort();
        };
    }, [ask, every]);
    return { ...state, reload: ask };
}

/*
 * A list with a cursor: const {rows, more, goOn, data, error, reload} = useRows('/logs', question);
 * goOn() adds what is behind the rows that are there, which a new question forgets.
 */
export function useRows(path, query) {
    const first = useApi(path, query);
    const [behind, setBehind] = useState(null); // {rows, cursor, more}
    useEffect(() => setBehind(null), [first.data]);
    const last = behind ?? first.data;
    const goOn = async () => {
        try {
            const next = await api.get(path, { ...query, cursor: last.cursor });
            setBehind({ rows: [...(behind?.rows ?? []), ...next.data], cursor: next.cursor, more: next.more });
        } catch (failure) {
            toastError(failure);
        }
    };
    return { ...first, rows: first.data && [...first.data.data, ...(behind?.rows ?? [])], more: last?.more, goOn };
}
