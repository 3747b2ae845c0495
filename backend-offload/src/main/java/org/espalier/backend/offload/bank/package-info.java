/** Banks of experts as bytes that can be moved, whatever the codec. */
@NullMarked
package org.espalier.backend.offload.bank;

import org.jspecify.annotations.NullMarked;
