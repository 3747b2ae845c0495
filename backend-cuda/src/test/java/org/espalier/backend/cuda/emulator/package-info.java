/** The driver and its GPU, emulated. */
@NullMarked
package org.espalier.backend.cuda.emulator;

import org.jspecify.annotations.NullMarked;
