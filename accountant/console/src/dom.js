// What every component needs: html`` (htm over preact) and the hooks.
// SPDX-License-Identifier: Apache-2.0
import { h, Fragment, createContext, render } from 'preact';
import {
    useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useRef, useState,
} from 'preact/hooks';
import htm from 'htm';

export const html = htm.bind(h);
export {
    Fragment, createContext, h, render, useCallback, useContext, useEffect, useId,
    useLayoutEffect, useMemo, useRef, useState,
};

// 'a', false, 'b' -> 'a b'
export const classes = (...names) => names.filter(Boolean).join(' ');
