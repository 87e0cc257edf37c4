// A screen whose code is fetched when it is first looked at.
// SPDX-License-Identifier: Apache-2.0
import { html, useEffect, useState } from '../dom.js';
import { loadTexts, t } from '../i18n.js';
import { Failure, Skeleton } from './feedback.js';

// view: lazy(() => import('./screens/keys.js'), 'Keys'); texts: the pieces of those that
// it needs beside the frame's (i18n.js)
export function lazy(load, name, ...texts) {
    let view = null;
    return function Lazy(props) {
        const [error, setError] = useState(null);
        const [, setDone] = useState(view !== null);
        const fetchIt = async () => {
            setError(null);
            try {
                const [piece] = await Promise.all([load(), ...['frame', ...texts].map((one) => loadTexts(undefined, one))]);
                view = piece[name];
                setDone(true);
            } catch {
                setError(new Error(t('common.unreachable')));
            }
        };
        useEffect(() => {
            if (!view) fetchIt();
        }, []);
        if (error) return html`<${Failure} error=${error} retry=${() => location.reload()} />`;
        return view ? html`<${view} ...${props} />` : html`<${Skeleton} height=${240} />`;
    };
}
