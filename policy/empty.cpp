// placeholder so that the folder is a library; replaced by the first real source
