// Paths below /console/ by the History API. Plain links are enough: a click on
// <a href=${to('/keys/7')}> stays on the page.
// SPDX-License-Identifier: Apache-2.0
import { createStore, useStore } from './store.js';

const BASE = '/console';

function read() {
    const path = location.pathname.slice(BASE.length).replace(/\/+$/, '') || '/';
    return { path, query: Object.fromEntries(new URLSearchParams(location.search)) };
}

export const route = createStore(read());
export const useRoute = () => useStore(route);

// to('/logs', {model: 'a/b'}) -> '/console/logs?model=a%2Fb'; empty values stay out
export function to(path, query = {}) {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
        if (value !== undefined && value !== null && value !== '') search.set(name, value);
    const text = search.toString();
    return BASE + path + (text ? `?${text}` : '');
}

export function navigate(href, { replace = false } = {}) {
    history[replace ? 'replaceState' : 'pushState'](null, '', href);
    const before = route.get().path;
    route.set(read());
    if (before !== route.get().path) scrollTo(0, 0);
}

// Changes parameters of the query where one is: setQuery({status: 'error'})
export function setQuery(patch, { replace = true } = {}) {
    const { path, query } = route.get();
    navigate(to(path, { ...query, ...patch }), { replace });
}

// '/keys/:id' of '/keys/7' -> {id: '7'}; null: another one
export function match(pattern, path) {
    const wanted = pattern.split('/');
    const have = path.split('/');
    const params = {};
    if (wanted.length !== have.length) return null;
    for (let i = 0; i < wanted.length; i++) {
        if (wanted[i].startsWith(':')) {
            try {
                params[wanted[i].slice(1)] = decodeURIComponent(have[i]);
            } catch {
                return null; // a broken escape names nothing
            }
        } else if (wanted[i] !== have[i]) {
            return null;
        }
    }
    return params;
}

export function startRouter() {
    addEventListener('popstate', () => route.set(read()));
    document.addEventListener('click', (event) => {
        const link = event.target.closest?.('a[href]');
        if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey ||
            event.ctrlKey || event.shiftKey || event.altKey || link.target || link.download ||
            link.origin !== location.origin || !link.pathname.startsWith(`${BASE}/`) ||
            link.pathname.startsWith(`${BASE}/assets/`))
            return;
        event.preventDefault();
        navigate(link.href);
    });
}
