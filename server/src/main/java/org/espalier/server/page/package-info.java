/** The page for people who would rather look. */
@NullMarked
package org.espalier.server.page;

import org.jspecify.annotations.NullMarked;
