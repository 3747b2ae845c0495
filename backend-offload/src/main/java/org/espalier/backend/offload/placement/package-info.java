/** Plans, in pure functions: which backend runs what, and what fits under a budget. */
@NullMarked
package org.espalier.backend.offload.placement;

import org.jspecify.annotations.NullMarked;
