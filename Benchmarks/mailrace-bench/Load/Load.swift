struct Load {}
