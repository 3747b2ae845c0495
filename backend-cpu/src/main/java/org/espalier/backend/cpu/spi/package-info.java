/** What authors of kernels implement: the kernel for one codec on this backend. */
@NullMarked
package org.espalier.backend.cpu.spi;

import org.jspecify.annotations.NullMarked;
