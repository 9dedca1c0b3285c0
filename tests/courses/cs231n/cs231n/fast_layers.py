"""Convolution by strides and products, and pooling, as the course hands them out."""

import numpy as np


def conv_forward_strides(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    f, c, hh, ww = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), mode="constant")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (hh, ww), axis=(2, 3))[
        :, :, ::stride, ::stride
    ]
    n, _, rows, columns = windows.shape[:4]
    x_cols = windows.transpose(1, 4, 5, 0, 2, 3).reshape(c * hh * ww, n * rows * columns)
    res = w.reshape(f, -1).dot(x_cols) + b.reshape(-1, 1)
    out = np.ascontiguousarray(res.reshape(f, n, rows, columns).transpose(1, 0, 2, 3))
    cache = (x, w, b, conv_param, x_cols)
    return out, cache


def conv_backward_strides(dout, cache):
    x, w, b, conv_param, x_cols = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    n, c, h, width = x.shape
    f, _, hh, ww = w.shape
    _, _, rows, columns = dout.shape
    db = np.sum(dout, axis=(0, 2, 3))
    flat = dout.transpose(1, 0, 2, 3).reshape(f, -1)
    dw = flat.dot(x_cols.T).reshape(w.shape)
    dx_cols = w.reshape(f, -1).T.dot(flat).reshape(c, hh, ww, n, rows, columns)
    dpadded = np.zeros((n, c, h + 2 * pad, width + 2 * pad), dtype=dx_cols.dtype)
    for i in range(hh):
        for j in range(ww):
            dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dx_cols[
                :, i, j
            ].transpose(1, 0, 2, 3)
    dx = dpadded[:, :, pad : pad + h, pad : pad + width]
    return dx, dw, db


conv_forward_fast = conv_forward_strides
conv_backward_fast = conv_backward_strides


def max_pool_forward_fast(x, pool_param):
    height, width = pool_param["pool_height"], pool_param["pool_width"]
    if not (height == width == pool_param["stride"] and x.shape[2] % height == 0 and x.shape[3] % width == 0):
        out, cache = max_pool_forward_im2col(x, pool_param)
        return out, ("im2col", cache)
    out, cache = max_pool_forward_reshape(x, pool_param)
    return out, ("reshape", cache)


def max_pool_backward_fast(dout, cache):
    method, real_cache = cache
    if method == "reshape":
        return max_pool_backward_reshape(dout, real_cache)
    if method == "im2col":
        return max_pool_backward_im2col(dout, real_cache)
    raise ValueError('Unrecognized method "%s"' % method)


def max_pool_forward_reshape(x, pool_param):
    n, c, h, w = x.shape
    size = pool_param["pool_height"]
    x_reshaped = x.reshape(n, c, h // size, size, w // size, size)
    out = x_reshaped.max(axis=3).max(axis=4)
    cache = (x, x_reshaped, out)
    return out, cache


def max_pool_backward_reshape(dout, cache):
    x, x_reshaped, out = cache
    mask = x_reshaped == out[:, :, :, np.newaxis, :, np.newaxis]
    dx = np.zeros_like(x_reshaped)
    spread = np.broadcast_to(dout[:, :, :, np.newaxis, :, np.newaxis], dx.shape)
    dx[mask] = spread[mask]
    dx /= np.sum(mask, axis=(3, 5), keepdims=True)
    return dx.reshape(x.shape)


def max_pool_forward_im2col(x, pool_param):
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    assert (x.shape[2] - height) % stride == 0, "Invalid height"
    assert (x.shape[3] - width) % stride == 0, "Invalid width"
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(2, 3))[
        :, :, ::stride, ::stride
    ]
    flat = windows.reshape(*windows.shape[:4], -1)
    where = np.argmax(flat, axis=-1)
    out = np.take_along_axis(flat, where[..., np.newaxis], axis=-1)[..., 0]
    cache = (x, where, pool_param)
    return out, cache


def max_pool_backward_im2col(dout, cache):
    x, where, pool_param = cache
    width, stride = pool_param["pool_width"], pool_param["stride"]
    dx = np.zeros_like(x)
    n, c, rows, columns = np.indices(dout.shape)
    np.add.at(dx, (n, c, rows * stride + where // width, columns * stride + where % width), dout)
    return dx
