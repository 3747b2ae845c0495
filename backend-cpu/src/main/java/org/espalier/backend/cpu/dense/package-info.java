/** Kernels for weights stored as F32, F16 and BF16. */
@NullMarked
package org.espalier.backend.cpu.dense;

import org.jspecify.annotations.NullMarked;
