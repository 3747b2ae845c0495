/** The backend that composes others: from settings to a chain of executables. */
@NullMarked
package org.espalier.backend.offload;

import org.jspecify.annotations.NullMarked;
