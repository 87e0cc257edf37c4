// A value that components watch.
// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from './dom.js';

export function createStore(value) {
    const watchers = new Set();
    return {
        get: () => value,
        set(next) {
            value = typeof next === 'function' ? next(value) : next;
            for (const watcher of [...watchers]) watcher(value);
        },
        watch(watcher) {
            watchers.add(watcher);
            return () => watchers.delete(watcher);
        },
    };
}

export function useStore(store) {
    const [value, setValue] = useState(store.get());
    useEffect(() => {
        setValue(() => store.get());
        return store.watch((next) => setValue(() => next));
    }, [store]);
    return value;
}
