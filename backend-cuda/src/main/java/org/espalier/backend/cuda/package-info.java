/** A backend for NVIDIA GPUs. */
@NullMarked
package org.espalier.backend.cuda;

import org.jspecify.annotations.NullMarked;
