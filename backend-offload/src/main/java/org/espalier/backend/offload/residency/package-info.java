/** Which experts are in memory: places, what each expert is worth, and what is needed next. */
@NullMarked
package org.espalier.backend.offload.residency;

import org.jspecify.annotations.NullMarked;
