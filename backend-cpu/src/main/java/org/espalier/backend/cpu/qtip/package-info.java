/**
 * Kernels for linears of codec {@code qtip}. They read the 68-byte blocks of the file as they are,
 * so that a model stays mapped.
 */
@NullMarked
package org.espalier.backend.cpu.qtip;

import org.jspecify.annotations.NullMarked;
