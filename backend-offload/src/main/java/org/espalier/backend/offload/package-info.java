/** A backend for experts where there is room, over other backends. */
@NullMarked
package org.espalier.backend.offload;

import org.jspecify.annotations.NullMarked;
